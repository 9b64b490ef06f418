// Type-aware lint: the rules that catch real faults of asynchronous code; every rule that is off says why.
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/node_modules/**', '**/dist/**', 'bench/results/**', 'python/**'] },
  {
    files: ['packages/*/src/**/*.ts', 'packages/*/test/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', '*.config.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // Numbers in messages are what messages are for.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // A narrowing that the checker cannot follow (a lookup that was just tested) reads better with `!` than with a dead branch.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `() => socket.close()` as a callback is clear; the rule would double its length.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // An async function without await is how an interface's asynchronous verb is implemented synchronously (embedded store).
      '@typescript-eslint/require-await': 'off',
      // Unused by convention: a leading underscore.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
);
