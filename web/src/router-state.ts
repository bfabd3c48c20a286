/** Whether this page has been inside: a first visit has no session that could have ended. */
let inside = false;

export function enteredOnce(): void {
  inside = true;
}

export const wasInside = (): boolean => inside;
