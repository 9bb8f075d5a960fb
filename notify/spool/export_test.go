package spool

// PruneBadmail is pruneBadmail, which else begins at a gibibyte.
func (s *Spool) PruneBadmail(most int64) error { return s.pruneBadmail(most) }
