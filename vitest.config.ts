// One runner for every test: the packages' own and the whole-system ones under test/.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Whole systems first: they take longest, and one that began last would run on by itself in the end. Among themselves in
 * vitest's own order, by how long each took the last time.
 */
class SystemsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSystem = ({ moduleId }: TestSpecification): boolean => !moduleId.includes('/packages/');
    return [...sorted.filter(isSystem), ...sorted.filter((file) => !isSystem(file))];
  }
}

export default defineConfig({
  test: {
    // Real servers and child processes start here; a loaded machine needs the room.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The same room for what is looked at until it holds: of itself a look gives up after a second.
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    // Most of them wait most of the time.
    maxWorkers: 4,
    sequence: { sequencer: SystemsFirst },
    // Both stand in one queue, of four at a time.
    projects: [
      // One process after the other loads the same modules only once: no file may leave anything behind in its process.
      { extends: true, test: { name: 'packages', include: ['packages/*/test/**/*.test.ts'], isolate: false } },
      { extends: true, test: { name: 'systems', include: ['test/**/*.test.ts'] } },
    ],
  },
});
