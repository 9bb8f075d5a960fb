package control

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, most := 0, 0
		took := 4 * time.Second
		ask := oneByOne(func(*http.Request) (any, error) {
			busy++
			most = max(most, busy)
			time.Sleep(took)
			busy--
			return "answer", nil
		})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		refused := make(chan error, 10)
		began := time.Now()
		for range cap(refused) {
			go func() {
				_, err := ask(r)
				refused <- err
			}()
		}
		n := 0
		for range cap(refused) {
			if err := <-refused; err != nil {
				n++
			}
		}
		if most != 1 || n != 7 || time.Since(began) != 12*time.Second {
			t.Errorf("got %d at once, %d of 10 refused after %s, want 1, 7 and 12s", most, n, time.Since(began))
		}
		if answer, err := ask(r); err != nil || answer != "answer" {
			t.Errorf("got %v, %v afterwards", answer, err)
		}
	})
}
