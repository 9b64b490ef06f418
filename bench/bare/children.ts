// The two Python children of a program, and the pipes to them.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PYTHON } from '../noop.ts';
import { frame, unframed } from './parcel.ts';

const CHILD = fileURLToPath(new URL('child.py', import.meta.url));
const CHILDREN = 2;

/**
 * Starts the children with the function (dill, base64) and answers what gives them parcels: one frame for the child that has
 * the least to do. `ended` gets the parcels of their results. They end with this process, by the end of their input.
 */
export function startChildren(code: string, ended: (parcels: Buffer[]) => void): (parcels: readonly Buffer[]) => void {
  const children = Array.from({ length: CHILDREN }, () => {
    const { stdin, stdout } = spawn(PYTHON, [CHILD, code], { stdio: ['pipe', 'pipe', 'inherit'] });
    const child = { stdin, inside: 0 };
    const hand = unframed((parcels) => {
      child.inside -= parcels.length;
      ended(parcels);
    });
    stdout.on('data', hand);
    return child;
  });
  return (parcels) => {
    const child = children.reduce((least, one) => (one.inside < least.inside ? one : least));
    child.inside += parcels.length;
    child.stdin.write(frame(parcels));
  };
}
