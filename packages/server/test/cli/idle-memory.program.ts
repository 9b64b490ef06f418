// Fills its young generation, rests, and says what V8 held before, once that is little: its own collections leave more.
import { getHeapStatistics } from 'node:v8';
import { giveBackIdleMemory } from '../../src/cli/idle-memory.ts';

const LITTLE_BYTES = 25e6;
const heldBytes = (): number => getHeapStatistics().total_physical_size;
giveBackIdleMemory();
for (let round = 0, kept: object[] = []; round < 40; round += 1) {
  kept = Array.from({ length: 100_000 }, (_, n) => ({ n, before: kept[n] !== undefined }));
}
const full = heldBytes();
while (heldBytes() > LITTLE_BYTES) await new Promise((resolve) => setTimeout(resolve, 50));
console.log(JSON.stringify({ full }));
