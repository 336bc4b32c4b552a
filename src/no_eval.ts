import * as z from 'zod/mini';

/**
 * Keeps zod from trying `new Function`, which it does at its first schema, and which a page's Content-Security-Policy forbids
 * and reports. The browser's entry imports this before anything else.
 */
z.config({ jitless: true });
