package main

import (
	"tocsin/internal/config"
	"tocsin/internal/evidence"
	"tocsin/internal/systemd"
	"tocsin/notify"
)

// evidence stands before the desk and gathers what rules ask for.
func (a *agent) evidence(desk *notify.Desk) *evidence.Desk {
	return &evidence.Desk{
		EmitHeld: desk.EmitHeld, Complete: desk.Complete, Config: a.config.Load, Log: a.log,
		Sources: map[string]evidence.Source{
			config.EvidenceTopCPU:    evidence.TopCPU{Host: a.host},
			config.EvidenceTopMemory: evidence.TopMemory{Host: a.host},
			config.EvidenceJournal:   evidence.Journal{Journal: systemd.Journal{Spare: a.host.Cage.Spare}},
			config.EvidenceDisk:      evidence.Disk{Host: a.host},
		},
	}
}
