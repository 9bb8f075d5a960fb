package spool

// PruneBadmail is pruneBadmail, which else begins at a gibibyte.
func (s *Spool) PruneBadmail(most int64) error { return s.pruneBadmail(most) }

// Unsynced is how many finished mails a power cut would bring back.
func (s *Spool) Unsynced() int { return s.finished }
