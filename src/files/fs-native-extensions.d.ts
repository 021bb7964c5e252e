// The types of the one function of fs-native-extensions that is used here: the package ships none.
declare module 'fs-native-extensions' {
  /**
   * Takes an exclusive lock of the operating system on an open file, without waiting.
   * @param fd - the file, open for writing
   * @returns false where another one holds it
   */
  export function tryLock(fd: number): boolean;
}
