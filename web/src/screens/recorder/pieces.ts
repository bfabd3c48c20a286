/** Small files of this origin: the Origin Private File System, or IndexedDB where that cannot be written to. */

export interface Pieces {
  readonly kind: "opfs" | "indexeddb";
  put(name: string, data: Blob): Promise<void>;
  get(name: string): Promise<Blob | null>;
  names(): Promise<string[]>;
  remove(name: string): Promise<void>;
}

export async function openPieces(): Promise<Pieces> {
  try {
    // Safari has had the folder since 15.2, and createWritable only since 26
    if (!("createWritable" in FileSystemFileHandle.prototype)) throw new Error("not writable from a page");
    const root = await navigator.storage.getDirectory();
    return new Folder(await root.getDirectoryHandle("recorder", { create: true }));
  } catch {
    return new Database(await opened());
  }
}

/** Each file is whole or not there: `close` is what makes it appear. */
class Folder implements Pieces {
  readonly kind = "opfs";

  constructor(private readonly folder: FileSystemDirectoryHandle) {}

  async put(name: string, data: Blob): Promise<void> {
    const handle = await this.folder.getFileHandle(name, { create: true });
    const stream = await handle.createWritable();
    try {
      await stream.write(data);
      await stream.close();
    } catch (error) {
      await stream.abort().catch(() => undefined);
      throw error;
    }
  }

  async get(name: string): Promise<Blob | null> {
    try {
      return await (await this.folder.getFileHandle(name)).getFile();
    } catch {
      return null;
    }
  }

  async names(): Promise<string[]> {
    const found: string[] = [];
    const entries = (this.folder as unknown as { keys(): AsyncIterable<string> }).keys();
    for await (const name of entries) found.push(name);
    return found;
  }

  async remove(name: string): Promise<void> {
    await this.folder.removeEntry(name).catch(() => undefined);
  }
}

const STORE = "pieces";

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("recorder", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("no storage"));
  });
}

class Database implements Pieces {
  readonly kind = "indexeddb";

  constructor(private readonly database: IDBDatabase) {}

  async put(name: string, data: Blob): Promise<void> {
    await this.run("readwrite", (store) => store.put(data, name));
  }

  async get(name: string): Promise<Blob | null> {
    return ((await this.run("readonly", (store) => store.get(name))) as Blob | undefined) ?? null;
  }

  async names(): Promise<string[]> {
    return ((await this.run("readonly", (store) => store.getAllKeys())) as IDBValidKey[]).map(String);
  }

  async remove(name: string): Promise<void> {
    await this.run("readwrite", (store) => store.delete(name));
  }

  private run(mode: IDBTransactionMode, what: (store: IDBObjectStore) => IDBRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      // strict: durable when it is said to be (the default may lose it in a power cut)
      const work = this.database.transaction(STORE, mode, { durability: "strict" });
      const request = what(work.objectStore(STORE));
      work.oncomplete = () => resolve(request.result);
      work.onerror = work.onabort = () => reject(work.error ?? new Error("storage refused"));
    });
  }
}
