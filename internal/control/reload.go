package control

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"tocsin/internal/config"
)

// Reloaded is what became of a reload.
type Reloaded struct {
	API int `json:"api"`
	// Valid says that the rule files can be used and are in force. Otherwise
	// nothing has changed.
	Valid bool `json:"valid"`
	// Changes is what is different, in lists of names.
	Changes config.Changes `json:"changes"`
	// Problems is what "tocsin validate" prints of the files, also warnings;
	// Diagnostics is the same with --json, where it is the files' own fault.
	Problems    string          `json:"problems,omitempty"`
	Diagnostics json.RawMessage `json:"diagnostics,omitempty"`
}

// reload answers those who may act, in its own time. A client that leaves does
// not end it.
func reload(a Agent) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		until := time.Now().Add(reloadPatience)
		_ = http.NewResponseController(w).SetReadDeadline(until) // whose end would end the request
		_ = http.NewResponseController(w).SetWriteDeadline(until)
		ctx, cancel := context.WithDeadline(r.Context(), until)
		defer cancel()
		answered(func(Request) (any, error) { return a.Reload(ctx) })(w, r)
	}
}

// Reload has the agent read its rule files again.
func (c Client) Reload(ctx context.Context) (Reloaded, error) {
	var r Reloaded
	err := c.do(ctx, http.MethodPost, "reload", []byte("{}"), maxAnswer, reloadPatience, &r)
	return r, err
}
