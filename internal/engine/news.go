package engine

import (
	"slices"

	"tocsin"
)

// News names a metric that says what is new since the previous reading, such as
// the lines that were appended to a file: no later reading says it again. So what
// no rule could decide on is kept for the next reading.
type News struct {
	Metric string
	// Text says that the newest text counts, and none is an empty one; else
	// numbers are added up.
	Text bool
}

// owe keeps what is news in a reading that nobody has decided on.
func (w *watch) owe(r tocsin.Reading) {
	w.owed = gather(w.check.News, w.owed, r.Values)
}

// leave keeps what is news in what a failure has seen that waits no longer, for the
// check that a reload may have put in the place of this one. Two rules that saw the
// same reading leave it once.
func (e *Engine) leave(w *watch, seen tocsin.Reading) {
	if next := e.byID[w.check.ID()]; next != nil && !next.asked.Equal(seen.At) {
		next.asked = seen.At
		next.owed = gather(next.check.News, seen.Values, next.owed)
	}
}

// settleNews is a reading with what earlier ones have left to it. One that says
// nothing leaves all to the next.
func (w *watch) settleNews(r tocsin.Reading) tocsin.Reading {
	if len(w.owed) == 0 || w.readErr != nil {
		return r
	}
	r.Values = withNews(w.check.News, w.owed, r.Values)
	w.owed = nil
	return r
}

// addNews adds to a view of the n-th rule what it has seen already, when its
// failure waits. A rule that has failed over a text finds none an empty one, or the
// failure would have no end.
func (e *Engine) addNews(v *View, w *watch, n int) {
	values := &v.Reading.Values
	if a := e.asking[w.ids[n]]; a != nil {
		*values = withNews(v.News, a.view.Reading.Values, *values)
	}
	if w.readErr != nil || !e.rules[w.ids[n]].Failed {
		return
	}
	copied := false
	for _, one := range v.News {
		if _, bad := v.Reading.Errors[one.Metric]; !one.Text || bad || values.Of(one.Metric).Kind() != tocsin.NoValue {
			continue
		}
		if !copied {
			*values, copied = slices.Clone(*values), true
		}
		values.Set(one.Metric, tocsin.Text(""))
	}
}

// withNews is a copy of values with what is news in older ones.
func withNews(news []News, older, values tocsin.Values) tocsin.Values {
	values = slices.Clone(values)
	for _, one := range gather(news, older, values) {
		values.Set(one.Metric, one.Value)
	}
	return values
}

// gather is what is news in two readings that follow one another.
func gather(news []News, older, newer tocsin.Values) tocsin.Values {
	var all tocsin.Values
	for _, n := range news {
		a, b := older.Of(n.Metric), newer.Of(n.Metric)
		switch {
		case b.Kind() == tocsin.NoValue, n.Text && b.String() == "":
			b = a
		case a.Kind() == tocsin.NoValue || n.Text:
		default:
			b = tocsin.Number(a.Float() + b.Float())
		}
		if b.Kind() != tocsin.NoValue {
			all = append(all, tocsin.Named{Metric: n.Metric, Value: b})
		}
	}
	return all
}

// isNews says that the value of a metric is news, of which none is no change.
func (v View) isNews(metric string) bool {
	return slices.ContainsFunc(v.News, func(n News) bool { return n.Metric == metric })
}
