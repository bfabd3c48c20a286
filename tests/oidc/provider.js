// A real OpenID provider (oidc-provider, certified) on a free port of this machine. Its first line says its issuer.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [redirect, home] = process.argv.slice(2);
const server = createServer((request, response) => answer(request, response));
let answer;
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "hub", client_secret: "a secret:of/the hub", redirect_uris: [redirect], post_logout_redirect_uris: [home] }],
    claims: { openid: ["sub"], profile: ["preferred_username"] },
    pkce: { required: () => true },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: `id-of-${id}`, preferred_username: id }) }),
  });
  answer = provider.callback();
  console.log(issuer);
});
