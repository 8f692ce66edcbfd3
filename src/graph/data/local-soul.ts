/**
 * The one soul that is this peer's own business: it is written to its store past the replica, and never merged from, sent
 * to, listed for or counted with others.
 */
export const localSoul = '\u0000pangea';
