/** English words of one's own account. */
import type zh from "./words.zh";

export default {
  menu: "My account", title: "My account", back: "Back", choose: "Choose your own password", chooseLead: "You are using a one-time password that an administrator gave you; somebody else may have seen it. Choose one that only you know: then you can go on, and sign.",
  password: "Change password", passwordLead: "Your sign-ins elsewhere end; this one stays.", given: "One-time password", old: "Current password", fresh: "New password", again: "New password, once more", change: "Save new password", changed: "The password is changed; your other sign-ins have ended.",
  missing: "Please fill in: {what}.", wrongOld: "Not correct: {what}. Type it again.", setOutside: "This account's password is set by the hub's setting HUB_ADMIN_PASSWORD; change it there.", wait: "Too many wrong passwords. Please wait {seconds} s.",
  rule: { length: "At least 10 characters", other: "Not the current password", username: "Not the username", same: "Typed the same twice" },
  nowhere: "This account may not see anything yet", nowhereHint: "You are signed in, but the account has no role. Ask the account administrator of your unit to give you one under “Units and people”, then sign in again. Tell them this:", tell: "Username {username}, name {name}: needs a role",
  signIns: "Sign-ins", signInsLead: "If one of these is not yours, end the others at once and change your password.", this: "Here", other: "Elsewhere", since: "Signed in {time}", until: "ends {time}", noAddress: "address not kept", endOthers: "End {count} other sign-ins", endedOthers: "All other sign-ins have ended.", noOthers: "No other sign-ins.",
  elsewhere: {
    button: "Single sign-on", oidc_provider: "Single sign-on is not available now; sign in with your username and password here.", oidc_token: "The answer of single sign-on did not pass its checks; you are not signed in. Try again, or ask your engineer.", oidc_state: "This sign-in is over, or was begun in another browser; please begin again.", oidc_given_up: "You did not finish signing in there.",
    oidc_no_claim: "Single sign-on said no username; ask your engineer to check the settings.", oidc_unknown: "Single sign-on knows you, but nobody is registered here by that name, or the account is inactive. Ask your account administrator.", other: "Single sign-on did not succeed; try again, or use your password.",
  },
  signing: "You signed in by single sign-on. Choose a password of this hub: signing and approving ask for it again.",
  method: { password: "password", oidc: "single sign-on" },
} satisfies typeof zh;
