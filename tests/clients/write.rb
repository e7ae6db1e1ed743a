#!/usr/bin/env ruby
# Writes through ruby-redis with sentinels, library defaults. See README.md.
require 'redis'

$stdout.sync = true
sentinels = ARGV[0].split(',').map do |s|
  host, port = s.split(':')
  { host: host, port: port.to_i }
end
name, prefix = ARGV[1], ARGV[2]
redis = Redis.new(url: "redis://#{name}", sentinels: sentinels, role: :master, timeout: 0.5)
number = 0
loop do
  begin
    redis.set("#{prefix}:#{number}", number)
    puts "ack #{number}"
  rescue Redis::BaseError => e
    puts "err #{e.class} #{e.message.tr("\n", ' ')}"
  end
  number += 1
  sleep 0.01
end
