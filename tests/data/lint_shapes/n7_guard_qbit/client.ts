import { QbAuth } from "./auth";
export class QbClient {
  constructor(private auth: QbAuth) {}
  async torrents() {
    if (!this.auth.cookie) {
      await this.auth.signIn("admin", "secret");
    }
    const r = await fetch(this.auth.base + "/api/v2/torrents/info", { headers: { Cookie: this.auth.cookie } });
    if (!r.ok) throw new Error("torrents: " + r.status);
    return r.json();
  }
}
