package oauth

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"tocsin/internal/durable"
	"tocsin/notify/smtp"
)

// maxFile bounds what is read of a kept refresh token.
const maxFile = 64 << 10

// kept is the file of a replaced refresh token (RFC 6749 6). The old one may
// be of no use any more, so that losing this file may cost a person's consent.
type kept struct {
	RefreshToken string    `json:"refresh_token"`
	At           time.Time `json:"at"`
}

// rotation is the name of what replaces the refresh token of a rule file. A new
// one in the rule file has another name.
func rotation(of smtp.Grant) string {
	return "token-" + digest(of.TokenURL, of.ClientID, of.RefreshToken.Reveal()) + ".json"
}

// refreshToken is the newest one that is known. The file is read each time: a
// command may have had it replaced.
func (k *Keeper) refreshToken(of smtp.Grant) smtp.Secret {
	name := rotation(of)
	k.mu.Lock()
	unsaved, ok := k.unsaved[name]
	k.mu.Unlock()
	if ok {
		return unsaved
	}
	f, err := os.Open(filepath.Join(k.Dir, name))
	if err != nil {
		return of.RefreshToken
	}
	defer func() { _ = f.Close() }() // only read
	var on kept
	if json.NewDecoder(io.LimitReader(f, maxFile)).Decode(&on) != nil || on.RefreshToken == "" {
		k.Log.Warn("kept refresh token is damaged, that of the rule file is used", "file", name)
		return of.RefreshToken
	}
	return smtp.NewSecret(on.RefreshToken)
}

// keep saves a refresh token that replaces another. Without a disk it is kept
// in memory, and saved with the next one.
func (k *Keeper) keep(of smtp.Grant, refresh smtp.Secret) {
	name := rotation(of)
	err := save(filepath.Join(k.Dir, name), refresh)
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.unsaved, name)
	if err == nil {
		return
	}
	if k.unsaved == nil {
		k.unsaved = make(map[string]smtp.Secret)
	}
	k.unsaved[name] = refresh
	k.Log.Error("a new refresh token could not be saved: a restart before the next one may need a person's consent", "err", err)
}

func save(path string, refresh smtp.Secret) error {
	data, err := json.Marshal(kept{refresh.Reveal(), time.Now().UTC()}) //nolint:gosec // this file is where the secret is kept
	if err != nil {
		return fmt.Errorf("keep refresh token: %w", err)
	}
	return durable.WriteFileAs(path, data)
}
