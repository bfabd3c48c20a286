/** The calls about one's own account. */
import { call } from "@/api/http";

export interface SignInDto {
  since: string;
  expires_at: string;
  address: string;
  method: "password" | "oidc";
  current: boolean;
}

export const ownSignIns = (): Promise<SignInDto[]> => call("/api/session/others");
export const endOthers = (): Promise<void> => call("/api/session/others", { method: "DELETE" });
export const changePassword = (old: string, fresh: string): Promise<void> => call("/api/session/password", { method: "POST", body: { old, new: fresh } });
