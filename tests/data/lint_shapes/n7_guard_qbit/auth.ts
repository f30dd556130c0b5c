export class QbAuth {
  cookie = "";
  constructor(readonly base: string) {}
  async signIn(user: string, password: string) {
    const r = await fetch(this.base + "/api/v2/auth/login", { method: "POST", body: new URLSearchParams({ username: user, password }) });
    if (!r.ok) throw new Error("login");
    this.cookie = r.headers.getSetCookie()[0].split(";")[0];
  }
}
