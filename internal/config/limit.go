package config

import (
	"github.com/hashicorp/hcl/v2"

	"tocsin/notify/provider"
	"tocsin/notify/quota"
)

const maxLimit = 10_000_000

// limitField is one attribute of a limit block.
type limitField struct {
	name  string
	value *int
}

func limitFields(l *quota.Limit) []limitField {
	return []limitField{
		{"recipients_per_second", &l.RecipientsPerSecond},
		{"recipients_per_minute", &l.RecipientsPerMinute},
		{"recipients_per_hour", &l.RecipientsPerHour},
		{"recipients_per_day", &l.RecipientsPerDay},
		{"messages_per_second", &l.MessagesPerSecond},
		{"messages_per_minute", &l.MessagesPerMinute},
		{"messages_per_hour", &l.MessagesPerHour},
		{"messages_per_day", &l.MessagesPerDay},
		{"recipients_per_message", &l.RecipientsPerMessage},
		{"messages_per_connection", &l.MessagesPerConnection},
		{"connections", &l.Connections},
	}
}

// limits reads the limit block. A provider's fixed limits can only be
// tightened; those of the others, which depend on a plan or are not published,
// are a cautious default, which the file replaces one by one.
func (s *scope) limits(preset provider.Preset) quota.Limit {
	limit := preset.Limit
	var first *hcl.Range
	for _, block := range items(s.body) {
		if block.Type != "limit" {
			continue
		}
		inner := s.loader.scope(s.source, block)
		if first != nil {
			s.fail(block.DefRange(), "Second limit block", "The limits of this server are at %s.", place(*first))
			continue
		}
		first = block.DefRange().Ptr()
		s.loader.labels(block)
		for i, field := range limitFields(&limit) {
			inner.limit(field, *limitFields(&preset.Limit)[i].value, preset)
		}
		inner.done()
	}
	return limit
}

func (s *scope) limit(field limitField, most int, preset provider.Preset) {
	n, set, at := s.integer(field.name, 1, maxLimit)
	if !set {
		return
	}
	if preset.Fixed && most > 0 && n > most {
		s.fail(at, "Limit above the provider's", "Provider %q takes %s = %d at most; a limit of a preset may only be made smaller.", preset.Name, field.name, most)
		return
	}
	*field.value = n
}
