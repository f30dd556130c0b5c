package qbit

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

const accepted = "Ok."

func Login(base, user, word string) (*http.Client, error) {
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	answer, err := client.PostForm(base+"/api/v2/auth/login", url.Values{"username": {user}, "password": {word}})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if string(body) != accepted {
		return nil, errors.New("wrong password")
	}
	return client, nil
}
