/** What `stele check` reads. */
export const historyFormats = ["stele", "porcupine-etcd", "porcupine-kv"] as const;

export type HistoryFormat = (typeof historyFormats)[number];
