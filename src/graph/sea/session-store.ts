/** Where a login survives a reload of the page: a pair as text. */
export interface SessionStore {
  load(): string | undefined;
  save(pair: string): void;
  clear(): void;
}

/** The part of the browser's `sessionStorage` that is used. */
export interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Under the names that gun.js uses, so that a page can change to this library while somebody is logged in. */
export function webSessionStore(storage: WebStorage): SessionStore {
  return {
    load: () => storage.getItem('pair') ?? undefined,
    save: (pair) => {
      storage.setItem('recall', 'true');
      storage.setItem('pair', pair);
    },
    clear: () => {
      storage.removeItem('recall');
      storage.removeItem('pair');
    },
  };
}
