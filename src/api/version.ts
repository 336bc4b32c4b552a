/** The package's version, for what is written where there is no package.json to read; a test holds the two together. */
export const version = '0.1.0';
