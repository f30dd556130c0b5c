package qbit

import "net/http"

type Client struct {
	http *http.Client
	base string
}

func (c *Client) Login(user, word string) error {
	answer, err := c.post("/api/v2/auth/login", map[string]string{"username": user, "password": word})
	if err != nil {
		return err
	}
	return wantText(answer.Body, "wrong password")
}
