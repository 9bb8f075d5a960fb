package control

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// How many questions are answered at once. An answer is kept in memory until it
// is read, so whoever does not read keeps a turn, for unread at most. Who gets
// none within turnWait is told so, before our client takes the agent for dead.
const (
	lightTurns = 8
	heavyTurns = 1
	unread     = 5 * time.Second
	turnWait   = 3 * time.Second
)

// turns lets so many questions be answered at once. Whoever waits for longer
// than turnWait is told so.
type turns chan struct{}

// question answers whoever may open the socket: it changes nothing.
func (t turns) question(ask func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		asked(r.Context())
		w.Header().Set("Content-Type", "application/json")
		waited := time.NewTimer(turnWait)
		defer waited.Stop()
		select {
		case t <- struct{}{}:
			defer func() { <-t }()
		case <-waited.C:
			w.WriteHeader(http.StatusServiceUnavailable)
			_ = json.NewEncoder(w).Encode(Reply{Error: fmt.Sprintf("too many ask at the same time: no answer within %s", turnWait)})
			return
		case <-r.Context().Done():
			return
		}
		answer, err := ask(r)
		if err != nil {
			w.WriteHeader(http.StatusConflict)
			answer = refused(err)
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(unread)) // else it is that of the server
		_ = json.NewEncoder(w).Encode(answer)                                      // a client that left needs no answer
	}
}
