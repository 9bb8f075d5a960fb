# What Tocsin watches of itself, unless the rule file has a check of the kind
# "self". When mail does not work, neither does the mail about it: it comes late
# and says "was". A heartbeat block tells somebody else in time.
check "self" "tocsin" {
  rule "mail" {
    when    = mail.failing > 15 * minute
    for     = "2m"
    message = "every mail server fails and mail waits: what was to be told in the meantime comes late ($DESCRIPTION)"
  }
  rule "server" {
    when    = servers.failing > 1 * hour
    for     = "2m"
    message = "a mail server has taken no mail for an hour, \"tocsin status\" says why ($DESCRIPTION)"
  }
  rule "late" {
    when    = queue.critical_age > 30 * minute
    for     = "2m"
    message = "a critical event was not mailed within half an hour ($DESCRIPTION)"
  }
  rule "disk" {
    when     = disk.free < 50 * MiB
    clear    = disk.free > 100 * MiB
    for      = "5m"
    severity = "critical"
    message  = "the file system of the state directory is full: events are sent from memory ($DESCRIPTION)"
  }
  rule "unwritten" {
    when     = events.unwritten > 0 || state.unsaved
    for      = "5m"
    severity = "critical"
    message  = "the agent cannot write into its state directory: what it knows is lost by a crash ($DESCRIPTION)"
  }
  rule "memory" {
    when  = memory.rss > 200 * MiB
    clear = memory.rss < 150 * MiB
    for   = "10m"
  }
  rule "files" {
    when  = fds.percent > 80
    clear = fds.percent < 60
    for   = "5m"
  }
  rule "heartbeat" {
    when    = heartbeat.failing > 15 * minute
    message = "the heartbeat does not reach its service, which may alarm although all is well ($DESCRIPTION)"
  }
}
