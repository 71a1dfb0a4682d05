import { blank } from './changes.js';
import { uuidv7 } from './uuid.js';

/**
 * The server was restored from a backup and has lost what it had acknowledged since. What this phone still knows
 * better than the server goes into the queue again, under its old stamps: whichever phone sends it, and however
 * often, it is one edit.
 *
 * @param {any[]} local the records as they were pulled before
 * @param {any[]} served the records as they are now
 * @returns {import('./changes.js').Change[]}
 */
export function requeue(local, served) {
  const now = new Map(served.map((record) => [record.id, record]));
  return local.flatMap((record) => {
    const server = now.get(record.id);
    if (server && server.status !== 'draft') return []; // sealed: it takes no edits
    /** @type {Map<string, Record<string, any>>} */
    const edits = new Map();
    for (const [field, hlc] of Object.entries(record.stamps)) {
      if (hlc <= (server?.stamps[field] ?? '')) continue;
      // A text without a base is taken as it is: the stamps it was made from may be lost.
      edits.set(hlc, { ...edits.get(hlc), [field]: record[field] });
    }
    return [...edits].map(([hlc, fields]) =>
      blank({ opId: uuidv7(), hlc, type: 'upsert', requestId: record.id, fields }));
  });
}
