# The jobs that test_app_sidekiq.py lets a sidekiq process run. Each leaves in Redis what it did.
require 'sidekiq'

# Sidekiq 6.4 calls redis-rb 4.8 in ways that one warns of at every call.
Redis.silence_deprecations = true

Sidekiq.configure_server do |config|
  # A second or less where Sidekiq's own figures are for machines that run for months.
  config.options[:poll_interval_average] = 0.3
end

def done(list, word)
  Sidekiq.redis { |conn| conn.rpush(list, word) }
end

class Adder
  include Sidekiq::Worker
  def perform(a, b)
    Sidekiq.redis { |conn| conn.incrby('sum', a + b) }
  end
end

class Urgent
  include Sidekiq::Worker
  sidekiq_options queue: 'critical'
  def perform(word)
    done('urgent', word)
  end
end

# Fails twice, then does its work. Sidekiq adds 0 to 9 s to the first delay, 0 to 18 to the second.
class Stumbler
  include Sidekiq::Worker
  sidekiq_retry_in { 1 }
  def perform(word)
    tries = Sidekiq.redis { |conn| conn.incr("tries:#{word}") }
    raise "try #{tries} fails" if tries < 3

    done('stumbled', word)
  end
end

# Never succeeds, and is not tried again: it ends among the dead.
class Hopeless
  include Sidekiq::Worker
  sidekiq_options retry: 0
  def perform
    raise 'no hope'
  end
end
