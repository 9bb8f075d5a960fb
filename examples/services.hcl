# Services: hosts of the network, systemd units and programs that check something.
mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = file("gmail.secret")
}

mail "ops" {
  to = ["ops@example.com"]
}

check "host" "database" {
  address = "db.example.com"
  port    = "5432"
  timeout = "5s"

  rule "down" {
    when     = !reachable # why is in "reason"
    times    = 2
    within   = "2m"
    severity = "critical"
    message  = "$SERVICE is not reachable from $HOST"
  }
  rule "slow" {
    when = avg_over(response.time, "5m") > 0.5
  }
  rule "moved" {
    when     = changed(address)
    severity = "info"
  }
}

check "unit" "nginx" {
  unit = "nginx.service"

  rule "down" {
    when     = !active
    for      = "10s"
    severity = "critical"
    message  = "$SERVICE is not active on $HOST"
  }
  rule "gone" {
    when = !exists
  }
  rule "crashing" {
    when = delta(restarts, "15m") >= 3 && host.database.reachable # else that is why
  }
  rule "restarted" {
    when     = changed(pid)
    severity = "info"
  }
  rule "memory" {
    when = memory > 2 * GiB
    for  = "5m"
  }
}

check "program" "load" {
  path      = "/usr/lib/nagios/plugins/check_load"
  arguments = "-w 5,4,3 -c 10,8,6"
  interval  = "1m"
  timeout   = "20s"
  memory    = 64 * MiB
  processes = 20

  rule "status" {
    when = !ran || nagios.state == "critical"
  }
  rule "warning" {
    when     = exit == 1
    for      = "5m"
    severity = "info"
  }
  rule "changed" {
    when     = changed(nagios.state)
    severity = "info"
  }
}
