package main

import (
	"time"

	"tocsin"
	"tocsin/notify/silence"
	"tocsin/notify/spool"
)

// queueDetail is one mail or event of the queue or of badmail, as JSON has it.
type queueDetail struct {
	queueLine
	// Deliveries are what became of a mail for each of its recipients, and Tries
	// its conversations, the oldest first; both are of a mail alone.
	Deliveries []queueDelivery `json:"deliveries"`
	Tries      []queueTry      `json:"tries"`
	// Event is what an event that is in no mail yet is about.
	Event *tocsin.Event `json:"event,omitempty"`
}

type queueDelivery struct {
	Recipient string `json:"recipient"`
	Status    string `json:"status"` // "pending" or what the server made of it
	Reply     string `json:"reply,omitempty"`
}

type queueTry struct {
	At     time.Time `json:"at"`
	Server string    `json:"server"`
	Result string    `json:"result"`
}

// queueDetails is the one mail, or else the one event, of what was found.
func queueDetails(listing spool.Listing, letters []spool.Letter, items []spool.Item, book *silence.Book) queueDetail {
	found := queueLines(spool.Listing{Letters: letters, Items: items, OnHold: listing.OnHold}, book, time.Now())
	d := queueDetail{queueLine: found[0], Deliveries: []queueDelivery{}, Tries: []queueTry{}}
	if len(letters) == 0 {
		d.Event = items[0].Event
		return d
	}
	l := letters[0]
	for _, address := range l.Mail.Recipients {
		one := queueDelivery{Recipient: address, Status: "pending", Reply: l.Delivery.Recipients[address].Reply}
		if status := l.Delivery.Recipients[address].Status; status != "" {
			one.Status = string(status)
		}
		d.Deliveries = append(d.Deliveries, one)
	}
	for _, try := range l.Delivery.History {
		d.Tries = append(d.Tries, queueTry{try.At, try.Server, try.Result})
	}
	return d
}
