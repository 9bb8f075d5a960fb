package spool

// PruneBadmail is pruneBadmail, which else begins at a gibibyte.
func (s *Spool) PruneBadmail(most int64) error { return s.pruneBadmail(most) }

// Unsynced is how many finished mails a power cut would bring back.
func (s *Spool) Unsynced() int { return s.finished }

// MaxRemembered is maxRemembered.
const MaxRemembered = maxRemembered

// Remembered is how many bytes of messages are in memory, too.
func (s *Spool) Remembered() int { return s.remembered }
