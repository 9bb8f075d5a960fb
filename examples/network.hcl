# The link of a network interface, and what goes over it.
mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = credential("smtp")
}

mail "ops" {
  to = ["alice@example.com"]
}

check "network" "wan" {
  interface = "eth0"

  # Noticed at once: the kernel tells.
  rule "down" {
    when     = !exists || !link
    for      = "10s"
    severity = "critical"
  }

  # A cable or a switch that fell back to 100 Mbit/s.
  rule "speed" {
    when = changed(speed) || changed(duplex)
  }

  rule "full" {
    when  = receive.percent > 90 || transmit.percent > 90
    for   = "5m"
    clear = receive.percent < 70 && transmit.percent < 70
  }

  rule "errors" {
    when = receive.errors_per_second + transmit.errors_per_second > 1
    for  = "5m"
  }

  # More than 100 GB in a day.
  rule "volume" {
    when     = delta(transmit.bytes, "24h") > 100 * GB
    severity = "info"
  }
}
