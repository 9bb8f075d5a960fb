package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"tocsin/internal/program"
	"tocsin/notify/smtp"
)

// commandTimeout is how long a program may take for a token.
const commandTimeout = 30 * time.Second

// exitTempFail is EX_TEMPFAIL of sysexits(3): there is no token now.
const exitTempFail = 75

// fromProgram runs a program that prints an access token, alone or as the
// answer of a token endpoint (RFC 6749 5.1). What it printed is in no error.
func (k *Keeper) fromProgram(ctx context.Context, args []string) (answer, error) {
	out, err := program.Program{Args: args, Timeout: commandTimeout, Cage: k.Cage}.Output(ctx)
	if err != nil {
		r := &refusal{
			text: fmt.Sprintf("token command %s: %v", smtp.Redact(args[0], maxText), err), class: smtp.AuthBroken,
			hint: "run the command by hand, as the agent's user and with an empty environment: env -i … ; it has to print the access token and end with exit status 0, or 75 for later",
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); (ok && exit.ExitCode() == exitTempFail) || errors.Is(err, program.ErrTimeout) {
			r.class = smtp.Transient
		}
		return answer{}, r
	}
	a, err := parseOutput(out)
	if err == nil {
		err = a.check()
	}
	if err != nil {
		return answer{}, &refusal{
			text: fmt.Sprintf("token command %s: %v", smtp.Redact(args[0], maxText), err), class: smtp.AuthBroken,
			hint: "the command prints the access token alone on one line, or a JSON object with access_token and expires_in, and nothing else on stdout",
		}
	}
	return a, nil
}

// parseOutput reads a token, or a JSON object with one.
func parseOutput(out []byte) (answer, error) {
	out = bytes.TrimSpace(out)
	if len(out) == 0 {
		return answer{}, errors.New("it prints nothing")
	}
	if out[0] != '{' {
		return answer{token: smtp.NewSecret(string(out)), life: unsaidLife}, nil
	}
	var object struct {
		AccessToken string      `json:"access_token"`
		TokenType   string      `json:"token_type"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	if err := json.Unmarshal(out, &object); err != nil {
		return answer{}, errors.New("it prints JSON that cannot be read")
	}
	a := answer{token: smtp.NewSecret(object.AccessToken), kind: object.TokenType, life: unsaidLife}
	if seconds, err := object.ExpiresIn.Int64(); err == nil {
		a.life = time.Duration(min(max(0, seconds), int64(longestLife/time.Second))) * time.Second
	}
	return a, nil
}
