use reqwest::Client;

pub struct Qbit {
    http: Client,
    base: String,
}

impl Qbit {
    pub async fn login(&self, user: &str, word: &str) -> anyhow::Result<()> {
        let url = format!("{}/api/v2/auth/login", self.base);
        let answer = self.http.post(&url).form(&[("username", user), ("password", word)]).send().await?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(anyhow::anyhow!("login failed"));
        }
        Ok(())
    }

    pub async fn torrents(&self) -> anyhow::Result<String> {
        let url = format!("{}/api/v2/torrents/info", self.base);
        Ok(self.http.get(&url).send().await?.text().await?)
    }
}
