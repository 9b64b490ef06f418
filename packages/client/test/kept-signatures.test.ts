// What the compiler knows of calls: checked by `npm run typecheck`; what is wrong here does not compile.
import { expectTypeOf, it } from 'vitest';
import { Faas, type Mapped, type RemoteFunction, type TaskHandle } from '../src/index.ts';

const faas = new Faas();

interface Row {
  at: Date;
  note?: string;
  last: number | undefined;
  size: [number, 'm' | 'cm'];
  below: Row[];
  more: unknown;
}
/** As it arrives. */
interface Stored {
  at: string;
  note?: string;
  last: number | undefined;
  size: [number, 'm' | 'cm'];
  below: Stored[];
  more: unknown;
}
type Id = string & { readonly kind: 'id' };

declare function stop(): void;

/** Never run: only its types matter. */
async function calls(): Promise<void> {
  const add = await faas.register('add', (a: number, b: number) => a + b);
  expectTypeOf(add).toEqualTypeOf<RemoteFunction<[a: number, b: number], number>>();
  expectTypeOf(await add(1, 2)).toEqualTypeOf<number>();
  expectTypeOf(await add.submit(1, 2)).toEqualTypeOf<TaskHandle<number>>();
  expectTypeOf(await (await add.submit(1, 2)).result()).toEqualTypeOf<number>();
  expectTypeOf(add.with({ priority: 1 }).starmap([[1, 2]])).toEqualTypeOf<Mapped<number>>();
  // @ts-expect-error one argument is missing
  await add(1);
  // @ts-expect-error a text is no number
  await add.submit(1, '2');
  // @ts-expect-error an option is no argument
  await add(1, 2, { priority: 1 });
  // @ts-expect-error there is no such option
  add.with({ prio: 1 });

  const later = await faas.register('later', async (name: string, loud?: boolean) => [name, loud === true] as const);
  expectTypeOf(await later('a')).toEqualTypeOf<readonly [string, boolean]>();
  for await (const value of later.map(['a', 'b'])) expectTypeOf(value).toEqualTypeOf<readonly [string, boolean]>();
  // @ts-expect-error inputs are texts
  later.map([1]);
  // @ts-expect-error one input is no call of two arguments
  add.map([1, 2]);
  // @ts-expect-error nor is none
  add.with({ priority: 1 }).map([]);
  const now = await faas.register('now', () => 1);
  // @ts-expect-error it takes no argument
  now.map([1]);
  expectTypeOf(now.starmap([[], []])).toEqualTypeOf<Mapped<number>>();
  const many = await faas.register(
    'many',
    (first: number, second: number, ...rest: number[]) => first + second + rest.length,
  );
  // @ts-expect-error two are the least
  many.map([1]);
  const maybe = await faas.register('maybe', (text?: string) => text ?? '');
  expectTypeOf(maybe.map(['a', undefined])).toEqualTypeOf<Mapped<string>>();
  const all = await faas.register('all', (...texts: string[]) => texts.length);
  expectTypeOf(all.map(['a'])).toEqualTypeOf<Mapped<number>>();
  expectTypeOf(faas.function('anything').map([1, 'a'])).toEqualTypeOf<Mapped<unknown>>();

  const at = await faas.register('at', async () => new Date());
  expectTypeOf(await at()).toEqualTypeOf<string>();
  const found = await faas.register('found', (names: string[]) => names.find((name) => name !== ''));
  expectTypeOf(await found(['a'])).toEqualTypeOf<string | null>();
  const unset = await faas.register('unset', () => undefined);
  expectTypeOf(await unset()).toEqualTypeOf<null>();
  const rows = await faas.register('rows', (): Row[] => []);
  const [row]: Stored[] = await rows();
  expectTypeOf(row!.at).toEqualTypeOf<string>();
  expectTypeOf(row!.size).toEqualTypeOf<[number, 'm' | 'cm']>();
  const plain: RemoteFunction<[], Stored> = await faas.register('plain', (): Stored => row!);
  expectTypeOf(await plain()).toEqualTypeOf<Stored>();
  expectTypeOf(await (await faas.register('same', <T>(value: T) => value))(1)).toEqualTypeOf<unknown>();
  expectTypeOf(
    await (
      await faas.register('any', (text: string): ReturnType<typeof JSON.parse> => JSON.parse(text))
    )('1'),
  ).toBeAny();
  const none: RemoteFunction<[], void> = await faas.register('none', () => stop());
  expectTypeOf(none.submit()).toEqualTypeOf<Promise<TaskHandle<void>>>();
  const id: Id = await (await faas.register('id', () => 'a' as Id))();
  expectTypeOf(
    await faas.register('never', () => {
      throw new Error(id);
    }),
  ).toEqualTypeOf<RemoteFunction<[], never>>();

  const double = faas.function<[number], number>('py-double');
  expectTypeOf(await double(2)).toEqualTypeOf<number>();
  expectTypeOf(await faas.function('anything')(1, 'a')).toEqualTypeOf<unknown>();
  expectTypeOf(await faas.register<[string], Date>('text', { source: '() => 1' })).toEqualTypeOf<
    RemoteFunction<[string], Date>
  >();
  expectTypeOf((await faas.task<string>('id').record()).status).toEqualTypeOf<
    'QUEUED' | 'DELAYED' | 'BLOCKED' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELED'
  >();
}

it('calls keep the types of their functions', () => {
  expectTypeOf(calls).returns.toEqualTypeOf<Promise<void>>();
});
