/** What the hub asks of a password that somebody chooses, said while it is typed. Pure. */
export const MIN_PASSWORD = 10;
export const MAX_PASSWORD = 1000;

export interface PasswordRule {
  readonly name: "length" | "other" | "username" | "same";
  readonly met: boolean;
}

/** Characters are counted as the hub does: a character beyond the BMP is one. */
export function passwordRules(username: string, old: string, fresh: string, again: string): PasswordRule[] {
  const length = [...fresh].length;
  return [
    { name: "length", met: length >= MIN_PASSWORD && length <= MAX_PASSWORD },
    { name: "other", met: fresh !== "" && fresh !== old },
    { name: "username", met: fresh !== "" && fresh.toLowerCase() !== username.toLowerCase() },
    { name: "same", met: fresh !== "" && fresh === again },
  ];
}
