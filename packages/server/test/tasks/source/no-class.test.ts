// A class that a source exports as its function is refused where it is registered.
import { expect, it } from 'vitest';
import { demandNoClass } from '../../../src/tasks/source/no-class.ts';

it.each([
  ['export default class A {}', '', 'A is a class. Register a function that makes one, with the class inside.'],
  ['export default class {}', 'default', 'This is a class. Register a function that makes one'],
  ['class A {}', '', 'A is a class.'],
  ['export default (class {});', '', 'This is a class.'],
])('refuses %s', (source, entry, sentence) => {
  expect(() => demandNoClass(source, entry)).toThrow(sentence);
});

it.each([
  ['export default class A {}\nexport const f = () => new A().x;', 'f'],
  ['export class A {}\nexport default () => new A();', ''],
  ['() => { class A {} return new A().x }', ''],
  ['(n) => new (class { m() { return n } })().m()', ''],
  ['class A {}\nexport default decorated(A);', ''],
  ['export default class A { x: number = 1 }', ''],
])('lets pass %s', (source, entry) => {
  expect(() => demandNoClass(source, entry)).not.toThrow();
});
