# A rule for every metric of the machine, of a process and of a file system, to
# copy from: nobody wants all of them at once. "tocsin metrics KIND" says what
# each of them is.
mailserver "gmail" {
  provider = "gmail"
  username = "alice@gmail.com"
  password = file("gmail.secret")
}

mail "ops" {
  to = ["ops@example.com"]
}

check "system" "machine" {
  # Processors.
  rule "busy" {
    when     = cpu.percent > 90 || cpu.idle < 5
    clear    = cpu.percent < 70
    for      = "5m"
    severity = "critical"
  }
  rule "modes" {
    when = cpu.user > 90 || cpu.nice > 90 || cpu.system > 40 || cpu.irq > 10 || cpu.softirq > 30
    for  = "10m"
  }
  rule "disk-bound" {
    when = cpu.iowait > 30
    for  = "10m"
  }
  rule "hypervisor" {
    when    = cpu.steal > 20
    for     = "15m"
    message = "Others take the processors of $HOST"
  }
  rule "guests" {
    when = cpu.guest - cpu.guest_nice > 80
    for  = "30m"
  }
  rule "switching" {
    when = cpu.switches_per_second / cpu.count > 50000
    for  = "10m"
  }
  rule "load" {
    when = load.avg1_per_core > 4 || load.avg5_per_core > 2 || load.avg15_per_core > 1.5
  }
  rule "load-rising" {
    when     = load.avg1 > 20 && load.avg1 > 2 * load.avg5 && load.avg5 > 2 * load.avg15
    severity = "info"
  }

  # Memory.
  rule "memory" {
    when  = memory.percent > 90 || memory.available < 512 * MiB
    clear = memory.percent < 80
    for   = "3m"
  }
  rule "memory-cache" {
    when     = memory.free + memory.cached + memory.buffers < 0.05 * memory.total && memory.used > 1 * GiB
    severity = "info"
  }
  rule "swap" {
    when = swap.percent > 50 || swap.total > 0 && swap.free < 128 * MiB || swap.used > 8 * GiB
  }
  rule "thrashing" {
    when = swap.in_bytes_per_second > 1 * MiB && swap.out_bytes_per_second > 1 * MiB || paging.major_faults_per_second > 500
    for  = "2m"
  }
  rule "paging" {
    when = paging.in_bytes_per_second > 500 * MiB || paging.out_bytes_per_second > 500 * MiB
    for  = "10m"
  }

  # Pressure: how long tasks waited, in percent of the time. A stall is read at once.
  rule "pressure-memory" {
    when     = pressure.memory.full.avg10 > 10 || pressure.memory.some.avg10 > 30
    severity = "critical"
  }
  rule "pressure-memory-lasting" {
    when = pressure.memory.some.avg60 > 10 || pressure.memory.full.avg60 > 5 || pressure.memory.some.avg300 > 5 || pressure.memory.full.avg300 > 2
  }
  rule "pressure-io" {
    when = pressure.io.full.avg10 > 60 || pressure.io.some.avg10 > 80
    for  = "1m"
  }
  rule "pressure-io-lasting" {
    when = pressure.io.some.avg60 > 60 || pressure.io.full.avg60 > 40 || pressure.io.some.avg300 > 40 || pressure.io.full.avg300 > 30
  }
  rule "pressure-cpu" {
    when = pressure.cpu.some.avg10 > 90 || pressure.cpu.some.avg60 > 80 || pressure.cpu.some.avg300 > 70
    for  = "5m"
  }

  # Processes and files.
  rule "files" {
    when = fds.percent > 80 || fds.max - fds.open < 1000
  }
  rule "processes" {
    when = processes.total > 5000 || processes.threads > 20000
  }
  rule "zombies" {
    when = processes.zombies > 20
    for  = "10m"
  }
  rule "forks" {
    when = processes.forks_per_second > 500
    for  = "5m"
  }
  rule "waiting" {
    when = processes.blocked > 20 || processes.running > 10 * cpu.count
    for  = "5m"
  }
  rule "booted" {
    when     = uptime < 5 * minute
    severity = "info"
  }
}

check "process" "postgres" {
  match = "^/usr/lib/postgresql/[0-9]+/bin/postgres"

  rule "down" {
    when     = !exists
    severity = "critical"
  }
  rule "restarted" {
    when     = changed(pid)
    severity = "info"
  }
  rule "parent" {
    when = changed(ppid)
  }
  rule "young" {
    when     = uptime < 1 * minute
    severity = "info"
  }
  rule "state" {
    when = state == "stopped" || state == "zombie"
    for  = "1m"
  }
  rule "owner" {
    when = user != "postgres" || group != "postgres" || uid == 0 || euid == 0 || gid == 0 || egid == 0
  }
  rule "security" {
    when = changed(security)
  }
  rule "cgroup" {
    when = changed(cgroup)
  }
  rule "cpu" {
    when = cpu.percent > 80 || cpu.total_percent > 90
    for  = "10m"
  }
  rule "memory" {
    when = memory.percent > 50 || memory.total_percent > 80 || memory.rss > 4 * GiB || memory.total_rss > 32 * GiB
  }
  rule "memory-shared-once" { # read only because this rule asks
    when = memory.pss > 2 * GiB || memory.total_pss > 8 * GiB
  }
  rule "memory-virtual" {
    when = memory.vms > 64 * GiB
  }
  rule "swapped" {
    when = memory.swap > 256 * MiB || memory.total_swap > 1 * GiB
  }
  rule "oom" {
    when = oom.score > 900
  }
  rule "family" {
    when = children > 250 || threads > 100 || threads_total > 1000 || zombies > 5
  }
  rule "files" {
    when = fds.percent > 80 || fds.open > 900 || fds.total > 20000
  }
  rule "reading" { # what it asks for, the cache included
    when = read.bytes_per_second > 500 * MiB || read.operations_per_second > 50000
    for  = "5m"
  }
  rule "writing" {
    when = write.bytes_per_second > 200 * MiB || write.operations_per_second > 50000
    for  = "5m"
  }
  rule "disk" { # what reaches the disks
    when = disk.read_bytes_per_second > 200 * MiB || disk.write_bytes_per_second > 100 * MiB
    for  = "5m"
  }
  rule "family-io" {
    when = read.total_bytes_per_second > 1 * GiB || write.total_bytes_per_second > 1 * GiB
    for  = "5m"
  }
  rule "family-operations" {
    when = read.total_operations_per_second + write.total_operations_per_second > 200000
    for  = "5m"
  }
  rule "family-disk" {
    when = disk.total_read_bytes_per_second + disk.total_write_bytes_per_second > 500 * MiB
    for  = "5m"
  }
}

check "filesystem" "data" {
  path = "/srv/data"

  rule "mounted" { # noticed at once
    when     = !exists || mount != "/srv/data" || type != "ext4" || device != "/dev/mapper/vg-data"
    severity = "critical"
  }
  rule "flags" {
    when = changed(flags)
  }
  rule "readonly" {
    when     = readonly
    severity = "critical"
  }
  rule "space" {
    when     = space.percent > 95 && space.free < 5 * GiB
    clear    = space.free_percent > 10
    severity = "critical"
  }
  rule "reserve" {
    when = space.reserved < 0.01 * space.total
  }
  rule "growing" {
    when = delta(space.used, "1h") > 20 * GiB
  }
  rule "inodes" {
    when  = inodes.percent > 90 || inodes.total > 0 && inodes.free < 10000
    clear = inodes.free_percent > 20
  }
  rule "many-files" {
    when     = inodes.used > 10000000
    severity = "info"
  }
  rule "slow" {
    when   = service.time > 0.05
    times  = 3
    within = "5m"
  }
  rule "saturated" {
    when = busy.percent > 95
    for  = "10m"
  }
  rule "traffic" {
    when = read.bytes_per_second > 500 * MiB || write.bytes_per_second > 300 * MiB
    for  = "10m"
  }
  rule "operations" {
    when = read.operations_per_second + write.operations_per_second > 5000
    for  = "10m"
  }
  rule "permission" {
    when = mode != "0750" || owner != "root" || group != "staff"
  }
  rule "numbers" {
    when = uid != 0 || gid != 50
  }
}

# A check for each file system that matches, also for what is mounted later.
check "filesystem" "disks" {
  mounts = ["/", "/srv/**"]
  except = ["/srv/scratch/*", "vfat"]
  types  = ["ext4", "xfs", "btrfs", "nfs*"]

  rule "gone" {
    when     = !exists
    severity = "critical"
  }
  rule "full" {
    when  = space.percent > 90 && space.free < 20 * GiB
    clear = space.percent < 85
  }
}

# The agent itself. Without such a check it has one with rules of its own, which
# "tocsin defaults --self" prints.
check "self" "agent" {
  rule "mail" {
    when = mail.failing > 10 * minute || mail.age > 7 * day
  }
  rule "servers" {
    when = servers.failing > 30 * minute || servers.paused > 1
  }
  rule "queue" {
    when  = queue.age > 12 * hour || queue.critical_age > 15 * minute || queue.length > 200
    clear = queue.length < 100
  }
  rule "badmail" {
    when     = badmail > 0
    reminder = "1d"
  }
  rule "disk" {
    when     = disk.free < 100 * MiB || disk.percent > 98
    for      = "5m"
    severity = "critical"
  }
  rule "unwritten" {
    when     = events.unwritten > 0 || state.unsaved
    for      = "1m"
    severity = "critical"
  }
  rule "late" {
    when = checks.late > 3
    for  = "5m"
  }
  rule "use" {
    when = memory.rss > 150 * MiB || goroutines > 2000 || fds.percent > 80 || fds.open > 5000
    for  = "10m"
  }
  rule "rules" {
    when = rules.rejected
    for  = "1h"
  }
  rule "heartbeat" {
    when = heartbeat.failing > 10 * minute
  }
  rule "restarted" {
    when     = uptime < 2 * minute
    severity = "info"
  }
}
