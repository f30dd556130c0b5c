package qbit

import (
	"errors"
	"io"
)

const accepted = "Ok."

func wantText(body io.ReadCloser, otherwise string) error {
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if string(text) != accepted {
		return errors.New(otherwise)
	}
	return nil
}
