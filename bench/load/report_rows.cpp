#include <array>

#include "bench/load/report.hpp"

namespace hub::bench {

namespace {

// What to beat of the rivals is measured by `./dev bench --rivals`.
constexpr std::array kRows = {
    ReportRow{"fanout/1000", "deliveries_per_core_second",
              "fan-out 1→1,000, deliveries/s per hubd core", 1,
              "2 × Redis PUBLISH, 6 × Mosquitto QoS 1"},
    ReportRow{"fanout/1000", "deliveries_per_second", "… deliveries/s", 1, ""},
    ReportRow{"fanout/1000", "last_forward_p50_us", "… post to last forward, p50, us", 1, ""},
    ReportRow{"fanout/1000", "last_forward_p99_us", "… p99, us", 1, ""},
    ReportRow{"fanout/1", "last_forward_p50_us", "post to forward, idle hub, p50, us", 1,
              "2 × fdatasync p50 + 150"},
    ReportRow{"fanout/1", "last_forward_p99_us", "… p99, us", 1, "5 × that"},
    ReportRow{"post/64x1/history", "posts_per_second",
              "durable posts/s, 64 clients × 1, 10^6 there", 1, "2 × Redis, AOF always"},
    ReportRow{"post/64x1/history", "ack_p99_us", "… post to ack, p99, us", 1, ""},
    ReportRow{"post/64x16/history", "posts_per_second",
              "durable posts/s, 64 clients × 16, 10^6 there", 1, "Redis, AOF always"},
    ReportRow{"post/64x16/history", "ack_p99_us", "… post to ack, p99, us", 1, ""},
    ReportRow{"retrieve/10", "p50_us", "retrieve#20 of 10 followees at 10^6, p50, us", 1, ""},
    ReportRow{"retrieve/100", "p50_us", "retrieve#20 of 100 followees at 10^6, p50, us", 1,
              "a tenth of Redis streams"},
    ReportRow{"retrieve/100", "p99_us", "… p99, us", 1, ""},
    ReportRow{"retrieve/1000", "p50_us", "retrieve#20 of 1,000 followees at 10^6, p50, us", 1, ""},
    ReportRow{"idle/10000", "bytes_per_session", "memory a session, 10,000 of them, bytes", 1,
              "1,024, and Mosquitto"},
    ReportRow{"fanout/1000/sealed", "deliveries_per_core_second",
              "sealed fan-out 1→1,000, deliveries/s per hubd core", 1,
              "2 × Redis PUBLISH, 6 × Mosquitto QoS 1"},
    ReportRow{"fanout/1000/sealed", "deliveries_per_second", "… deliveries/s", 1, ""},
    ReportRow{"fanout/1000/sealed", "hub_receives_per_delivery",
              "… datagrams hubd receives a delivery", 1, ""},
    ReportRow{"fanout/1000/sealed", "last_forward_p50_us", "… post to last forward, p50, us", 1,
              ""},
    ReportRow{"fanout/1/sealed", "last_forward_p50_us", "sealed post to forward, idle hub, p50, us",
              1, "2 × fdatasync p50 + 150"},
    ReportRow{"fanout/1/sealed", "last_forward_p99_us", "… p99, us", 1, "5 × that"},
    ReportRow{"post/64x1/history/sealed", "posts_per_second",
              "sealed durable posts/s, 64 clients × 1, 10^6 there", 1, "2 × Redis, AOF always"},
    ReportRow{"post/64x1/history/sealed", "posts_per_core_second", "… per hubd core", 1, ""},
    ReportRow{"post/64x1/history", "posts_per_core_second", "… the same, classic", 1, ""},
    ReportRow{"fanout/1000x64/sealed", "deliveries_per_core_second",
              "sealed fan-out, 64 in flight, deliveries/s per hubd core", 1, "NATS core"},
    ReportRow{"fanout/1000x64/sealed", "deliveries_per_second", "… deliveries/s", 1, ""},
    ReportRow{"retrieve/100/sealed", "p50_us",
              "sealed retrieve#20 of 100 followees at 10^6, p50, us", 1,
              "a tenth of Redis streams"},
    ReportRow{"retrieve/100/sealed", "hub_cpu_us_each", "… CPU time of hubd, us", 1, ""},
    ReportRow{"idle/10000/sealed", "bytes_per_session",
              "memory a sealed session, 10,000 of them, bytes", 1, "1,024, and Mosquitto"},
    ReportRow{"idle/100000/sealed", "bytes_per_session", "… 100,000 of them", 1, "the same"},
    ReportRow{"idle/10000/sealed", "login_hub_cpu_us_each", "CPU time of hubd a sealed login, us",
              1, "250: 4,000 a core second"},
    ReportRow{"micro/idle_connection_bytes/iterations:1", "bytes",
              "memory of a sealed connection at rest alone, bytes", 1, "1,024"},
    ReportRow{"lossy/sealed", "p50_us",
              "sealed post to forward, 5 % lost and 25 ms each way, p50, us", 1, ""},
    ReportRow{"lossy/sealed", "p99_us", "… p99, us", 1, ""},
    ReportRow{"roam/sealed", "gap_p50_us", "silence after a NAT's mapping changed, p50, us", 1, ""},
    ReportRow{"machine", "fdatasync_p50_us", "this machine: append + fdatasync, p50, us", 1, ""},
    ReportRow{"machine", "sendmmsg_us_each", "this machine: sendmmsg(64), us a datagram", 1, ""},
};

}  // namespace

std::span<const ReportRow> report_rows() { return kRows; }

}  // namespace hub::bench
