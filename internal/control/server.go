// Package control is the unix socket through which the command line talks to
// the running agent: HTTP and JSON, version 1, one request a connection.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of a conversation: a client that is slow or large delays nobody. What
// is done may have to wait for a mail.
const (
	maxBody   = 64 << 10
	maxAnswer = 64 << 20
	deadline  = 10 * time.Second
	patience  = 30 * time.Second
	// lookPatience is for a question: a crowd of a thousand may be in front of it,
	// on a machine that they keep busy. For an agent that is stopped nobody waits
	// longer than stoppedPatience.
	lookPatience    = 25 * time.Second
	stoppedPatience = 5 * time.Second
	// reloadPatience is for a reload, which may wait for the one before it.
	reloadPatience = 90 * time.Second
	// actPatience is for what acts on services, which take their time.
	actPatience = 15 * time.Minute
)

// Agent is what the socket can ask of the agent.
type Agent struct {
	// Public opens the socket to everybody, to look; those who may act are the
	// same.
	Public bool
	// Retry lets a mail go now, or all of them and every account when id is
	// empty.
	Retry func(id string) error
	// Drop gives a mail or an item up.
	Drop func(id string) error
	// Hold keeps a mail or an item back until it is retried.
	Hold func(id string) error
	// Requeue lets a mail of badmail go once more.
	Requeue func(id string) error
	// Reserve counts a test mail in the quota of a mail server before it is
	// sent.
	Reserve func(server string, recipients int) error
	// Down says that the machine goes down, and returns when that is mailed or
	// there is no more time.
	Down func(kind string) error
	// Act does what a person asks for the checks with the names, or for all,
	// and returns when it is done. by says who asks.
	Act func(verb string, names []string, all bool, by string) error
	// Ack says that somebody looks after the failures with the names, or with on
	// false that nobody does any more, and returns which those are.
	Ack func(names []string, on bool, reason, by string) ([]Failure, error)
	// Silence has what happens to some checks wait for the end; Unsilence ends
	// that, of all with an empty name; Silences are those in force.
	Silence   func(r Request, by string) (Silence, error)
	Unsilence func(name, by string) ([]Silence, error)
	Silences  func() Silences
	// Reload reads the rule files again and returns what became of that.
	Reload func(ctx context.Context) (Reloaded, error)
	// Status is what the agent knows of the checks with the names, or of all.
	Status func(ctx context.Context, names []string) (Status, error)
	// Explain is why the rules of the checks with the names are as they are.
	Explain func(ctx context.Context, names []string) (Explanation, error)
	// Events is what happened since, as far as the spool remembers.
	Events func(since time.Time) (Events, error)
}

// Request is the body of every command.
type Request struct {
	ID         string   `json:"id,omitempty"`
	Server     string   `json:"server,omitempty"`
	Recipients int      `json:"recipients,omitempty"`
	Kind       string   `json:"kind,omitempty"`
	Names      []string `json:"names,omitempty"`
	All        bool     `json:"all,omitempty"` // every check, in place of Names
	Groups     []string `json:"groups,omitempty"`
	// Kinds are kinds of checks that are to be silenced.
	Kinds []string `json:"kinds,omitempty"`
	// Until is the end of a silence, and Reason why it is.
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason,omitempty"`

	by string // who asks
}

// Reply is the answer to every command; Error is empty when it was done. Unknown
// is the name, of those that were asked for, that nothing has.
type Reply struct {
	Error   string `json:"error,omitempty"`
	Unknown string `json:"unknown,omitempty"`
}

// Serve answers at path until ctx ends; ready, when set, is called once it
// does. A socket that a dead agent left is
// replaced; anything else at path is refused. The caller holds the lock of the
// state directory, so no other agent lives there.
func Serve(ctx context.Context, path string, a Agent, log *slog.Logger, ready func()) error {
	listener, err := listen(path, a.Public)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler(a), ReadTimeout: deadline, WriteTimeout: patience,
		MaxHeaderBytes: maxBody, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: withPeer,
	}
	server.SetKeepAlivesEnabled(false)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if ready != nil {
		ready()
	}
	if err := server.Serve(newCrowd(listener, maxGuests)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket %s: %w", path, err)
	}
	return nil
}

func listen(path string, public bool) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("control socket %s: %w", path, ErrLongPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // /run/tocsin: only the socket is secret
		return nil, fmt.Errorf("control socket: %w", err)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("control socket %s: %s is there, which is no socket", path, info.Mode().Type())
	default:
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
	}
	mask := 0o117 // the socket is never everybody's, not even for a moment
	if public {
		mask = 0o111
	}
	old := unix.Umask(mask)
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return listener, nil
}

func handler(a Agent) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/retry", command(func(r Request) error { return a.Retry(r.ID) }))
	mux.HandleFunc("POST /v1/drop", command(func(r Request) error { return a.Drop(r.ID) }))
	mux.HandleFunc("POST /v1/hold", command(func(r Request) error { return a.Hold(r.ID) }))
	mux.HandleFunc("POST /v1/requeue", command(func(r Request) error { return a.Requeue(r.ID) }))
	mux.HandleFunc("POST /v1/reserve", command(func(r Request) error { return a.Reserve(r.Server, r.Recipients) }))
	mux.HandleFunc("POST /v1/down", command(func(r Request) error { return a.Down(r.Kind) }))
	for _, verb := range Verbs() {
		act := command(func(r Request) error { return a.Act(verb, r.Names, r.All, r.by) })
		mux.HandleFunc("POST /v1/"+verb, func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(actPatience)) // else it is cut off earlier
			act(w, r)
		})
	}
	for verb, on := range map[string]bool{"ack": true, "unack": false} {
		mux.HandleFunc("POST /v1/"+verb, answered(func(r Request) (any, error) {
			meant, err := a.Ack(r.Names, on, r.Reason, r.by)
			return Failures{API: APIVersion, On: on, Failures: meant}, err
		}))
	}
	mux.HandleFunc("POST /v1/silence", answered(func(r Request) (any, error) { return a.Silence(r, r.by) }))
	mux.HandleFunc("POST /v1/unsilence", answered(func(r Request) (any, error) {
		if (r.ID == "") != r.All {
			return nil, errors.New("end one by its id, or all")
		}
		ended, err := a.Unsilence(r.ID, r.by)
		return Silences{API: APIVersion, Silences: ended}, err
	}))
	mux.HandleFunc("POST /v1/reload", reload(a))
	light, heavy := make(turns, lightTurns), make(turns, heavyTurns)
	mux.HandleFunc("GET /v1/silences", light.question(func(*http.Request) (any, error) { return a.Silences(), nil }))
	mux.HandleFunc("GET /v1/status", light.question(func(r *http.Request) (any, error) {
		return a.Status(r.Context(), r.URL.Query()["name"])
	}))
	mux.HandleFunc("GET /v1/explain", light.question(func(r *http.Request) (any, error) {
		return a.Explain(r.Context(), r.URL.Query()["name"])
	}))
	mux.HandleFunc("GET /v1/events", heavy.question(func(r *http.Request) (any, error) {
		since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
		if err != nil {
			return nil, fmt.Errorf("read request: since: %w", err)
		}
		return a.Events(since)
	}))
	return mux
}

// Verbs are what can be done to checks and their services.
func Verbs() []string { return []string{"monitor", "unmonitor", "start", "stop", "restart"} }

// read reads a request that is one JSON value and nothing else.
func (r *Request) read(body io.Reader) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(r); err != nil {
		return err
	}
	if _, err := decoder.Token(); err == nil {
		return errors.New("more than one JSON value")
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the JSON value: %w", err)
	}
	return nil
}

// command is answered with no more than that it was done.
func command(do func(Request) error) http.HandlerFunc {
	return answered(func(r Request) (any, error) { return Reply{}, do(r) })
}

// answered answers whoever may act.
func answered(do func(Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Request
		var reply any
		status, err := http.StatusOK, error(nil)
		if !permitted(r.Context()) {
			status, err = http.StatusForbidden, errors.New("only root, the agent's own user and members of its group may do this")
		} else if err = request.read(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
			status, err = http.StatusBadRequest, fmt.Errorf("read request: %w", err)
		} else {
			asked(r.Context())
			if reply, err = do(request.from(r.Context())); err != nil {
				status = http.StatusConflict
			}
		}
		if err != nil {
			reply = refused(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(reply) // a client that left needs no answer
	}
}
