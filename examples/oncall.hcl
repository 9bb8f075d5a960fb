# Who is told, and when: a day team and one person on call at night, their boss
# when nobody mends it, and a pager behind another provider when mail fails.

agent {
  labels = { site = "berlin" }
}

mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = file("gmail.secret")
}

mailserver "relay" {
  host     = "relay.example.net"
  username = "alice"
  password = file("relay.secret")
}

# Bob gets what is critical only, and nobody hears of the agent's own starts.
mail "team" {
  to      = ["team@example.com", "Bob <bob@example.com>"]
  servers = [mailserver.gmail]
  not     = ["instance"]

  recipient "bob@example.com" {
    only = ["critical"]
  }

  # What cannot be sent for half an hour goes to the pager as well.
  fallback {
    after  = "30m"
    notify = [mail.pager]
  }
}

mail "oncall" {
  to      = ["oncall@example.com"]
  servers = [mailserver.gmail]

  fallback {
    after  = "10m"
    notify = [mail.pager]
  }
}

mail "dba" {
  to = ["dba@example.com"]
}

mail "boss" {
  to = ["boss@example.com"]
}

# A mailbox of another provider that ends up as a text message.
mail "pager" {
  to      = ["alice@sms.example.net"]
  servers = [mailserver.relay]
  format  = "text"
}

# The database people hear of their machines at any hour, and the others too.
route {
  when     = event.labels.team == "db"
  notify   = [mail.dba]
  continue = true
}

# At night, what is critical wakes the one on call; after half an hour without a
# repair the boss is told, after two the pager rings.
route {
  when     = event.severity == "critical"
  during   = ["* 18-23,0-7 * * *", "* * * * sat,sun"]
  notify   = [mail.oncall]
  reminder = "1h"

  escalate {
    after  = "30m"
    notify = [mail.boss]
  }

  escalate {
    after  = "2h"
    notify = [mail.boss, mail.pager]
  }
}

# By day, and for all that can wait. Web servers that fail together share a mail.
route {
  when   = contains(event.groups, "web")
  notify = [mail.team]
  group  = "2m"
}

route {
  notify   = [mail.team]
  reminder = "1d"

  escalate {
    after  = "4h"
    notify = [mail.boss]
  }
}

check "process" "nginx" {
  pidfile = "/run/nginx.pid"
  groups  = ["web", "frontend"]

  rule "down" {
    when     = !exists
    severity = "critical"
  }
}

check "process" "postgres" {
  match  = "^/usr/lib/postgresql/.*/postgres -D"
  labels = { team = "db" }

  rule "down" {
    when     = !exists
    severity = "critical"
  }
}
