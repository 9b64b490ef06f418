// The static check and the writer, against the pickles of real Python, dill and cloudpickle.
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { checkPickle } from '../../src/tasks/pickle/check.ts';
import { pickleException, pickleJson } from '../../src/tasks/pickle/write.ts';

const PICKLES = `
import base64, cloudpickle, dill, functools, json, pickle, sys
def by_value(x, y=2):
    "doc"
    import math
    return math.sqrt(x) + y
class Callable:
    def __call__(self, x):
        return x
n = 3
def closure(x):
    return x + n
callables = [by_value, closure, lambda x: x, len, Callable(), Callable, functools.partial(by_value, 1), 'x'.upper]
values = {
    'int': [1, -5, 2**40, 2**400], 'str': ['', 'text', 'é' * 300], 'bytes': [b'', b'x' * 300], 'float': [1.5],
    'list': [[], [1, [2]], list(range(2000))], 'tuple': [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    'dict': [{}, {'a': [1, {'b': 2}]}], 'none': [None], 'bool': [True, False], 'set': [{1, 2}, frozenset([1])],
}
enc = lambda data: base64.b64encode(data).decode()
out = {'callables': [], 'values': []}
for item in callables:
    for dump in (dill.dumps, cloudpickle.dumps):
        for protocol in (2, 3, 4, 5):
            out['callables'].append(enc(dump(item, protocol=protocol)))
for recurse in (True, False):
    out['callables'].append(enc(dill.dumps(closure, recurse=recurse)))
for kind, items in values.items():
    for item in items:
        for protocol in range(6):
            # Old protocols make bytes and sets by a call: those might be anything.
            if kind in ('bytes',) and protocol < 3 or kind == 'set' and protocol < 4:
                continue
            out['values'].append([kind, enc(pickle.dumps(item, protocol)), protocol])
print(json.dumps(out))
`;

function python(code: string, input = ''): string {
  return execFileSync('/usr/bin/python3', ['-c', code], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
}

const made = JSON.parse(python(PICKLES)) as { callables: string[]; values: [string, string, number][] };

describe('checkPickle', () => {
  it('lets every callable pass', () => {
    expect(made.callables.length).toBeGreaterThan(60);
    for (const text of made.callables) {
      expect(checkPickle(Buffer.from(text, 'base64'))).toEqual({ is: 'callable_perhaps' });
    }
  });

  it('knows what is plainly no callable', () => {
    for (const [kind, text, protocol] of made.values) {
      const check = checkPickle(Buffer.from(text, 'base64'));
      // Protocols 0 and 1 write a bool as an int.
      const expected = kind === 'bool' && protocol < 2 ? 'int' : kind;
      expect(check).toEqual({ is: 'not_callable', kind: expected });
    }
  });

  it('refuses a pickle that was cut off anywhere', () => {
    const whole = Buffer.from(made.callables[0]!, 'base64');
    for (let length = 0; length < whole.length; length++) {
      expect(checkPickle(whole.subarray(0, length)).is).toBe('malformed');
    }
  });

  it.each([
    ['an unknown opcode', [0xff, 0x2e]],
    ['an empty stack at the end', [0x80, 2, 0x2e]],
    ['a pop from nothing', [0x30, 0x2e]],
    ['a reduce of one value', [0x4e, 0x52, 0x2e]],
    ['a tuple without its mark', [0x4e, 0x74, 0x2e]],
    ['a memo that was not written', [0x68, 7, 0x2e]],
    ['a protocol of the future', [0x80, 9, 0x4e, 0x2e]],
    ['a string longer than the pickle', [0x58, 0xff, 0xff, 0xff, 0x7f, 0x2e]],
    ['a take below a mark', [0x4e, 0x28, 0x52, 0x2e]],
  ])('refuses %s', (_what, bytes) => {
    expect(checkPickle(Buffer.from(bytes)).is).toBe('malformed');
  });
});

describe('a large pickle', () => {
  const sized = (opcode: number, bytes: number): Buffer => {
    const head = Buffer.from([0x80, 4, opcode, 0, 0, 0, 0]);
    head.writeUInt32LE(bytes, 3);
    return Buffer.concat([head, Buffer.alloc(bytes, 0x2e)]);
  };

  it('is checked to its end, and what is in it is passed over', () => {
    const value = sized(0x42, 20_000_000);
    expect(checkPickle(Buffer.concat([value, Buffer.from('.')]))).toEqual({ is: 'not_callable', kind: 'bytes' });
    expect(checkPickle(value)).toEqual({ is: 'malformed', reason: 'is cut off: it has no STOP' });
    expect(checkPickle(value.subarray(0, -1))).toEqual({ is: 'malformed', reason: 'is cut off inside a value' });
  });

  it('takes no more room than its bytes, whatever it holds', () => {
    const before = process.memoryUsage();
    for (const byte of ['N', '(', ']']) {
      expect(checkPickle(Buffer.alloc(2_000_000, byte)).is).toBe('malformed');
    }
    // An index of the memo that no bytes account for.
    expect(checkPickle(Buffer.from('4e72ffffffff306affffffff2e', 'hex'))).toEqual({ is: 'not_callable', kind: 'none' });
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(50_000_000);
  });
});

describe('the writer', () => {
  const read = (pickle: Buffer): string =>
    python(
      `import base64, dill, sys\nvalue = dill.loads(base64.b64decode(sys.stdin.read()))\nsys.stdout.write(repr(value))`,
      pickle.toString('base64'),
    );

  it('writes what dill reads', () => {
    const value = {
      text: 'é🐍\n',
      numbers: [0, -1, 2 ** 31, 2 ** 53 - 1, 1.5, 1e300, -0.25],
      nested: [[], {}, [null, true, false]],
    };
    expect(read(pickleJson(value))).toBe(
      "{'text': 'é🐍\\n', 'numbers': [0, -1, 2147483648, 9007199254740991, 1.5, 1e+300, -0.25], 'nested': [[], {}, [None, True, False]]}",
    );
  });

  it.each(['TimeoutError', 'RuntimeError', 'MemoryError', 'TypeError'])('writes a %s', (name) => {
    expect(read(pickleException(name, 'it is "so"\n…'))).toBe(`${name}('it is "so"\\n…')`);
  });
});
