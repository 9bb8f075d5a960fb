package control

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, most := 0, 0
		took := 1250 * time.Millisecond
		answer := make(turns, 1).question(func(*http.Request) (any, error) {
			busy++
			most = max(most, busy)
			time.Sleep(took)
			busy--
			return "answer", nil
		})
		ask := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			answer(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/events", nil))
			return w
		}
		codes := make(chan int, 10)
		began := time.Now()
		for range cap(codes) {
			go func() { codes <- ask().Code }()
		}
		n := 0
		for range cap(codes) {
			if <-codes == http.StatusServiceUnavailable {
				n++
			}
		}
		if most != 1 || n != 7 || time.Since(began) != 3750*time.Millisecond {
			t.Errorf("got %d at once, %d of 10 refused after %s, want 1, 7 and 3.75s", most, n, time.Since(began))
		}
		if w := ask(); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != `"answer"` {
			t.Errorf("got %d, %q afterwards", w.Code, w.Body.String())
		}
	})
}
