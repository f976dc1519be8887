/** The plane's token, where it wants one: kept for this tab alone, and gone with it. Never in a URL, never in a log. */
const KEY = 'tuneplane-token';

export const readToken = (): string | null => sessionStorage.getItem(KEY);
export const keepToken = (token: string): void => sessionStorage.setItem(KEY, token);
export const forgetToken = (): void => sessionStorage.removeItem(KEY);

export const tokenHeaders = (): Record<string, string> => {
  const token = readToken();
  return token === null ? {} : { authorization: `Bearer ${token}` };
};
