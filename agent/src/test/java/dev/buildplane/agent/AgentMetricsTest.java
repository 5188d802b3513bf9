package dev.buildplane.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.buildplane.metrics.Metrics;
import dev.buildplane.tunnel.TunnelSettings;
import org.junit.jupiter.api.Test;

class AgentMetricsTest {
  @Test
  void targetsBeyondTheBoundShareOneRow() {
    var metrics = new Metrics();
    var counts = new AgentMetrics(metrics, TunnelSettings.defaults());
    for (int i = 0; i < 10_000; i++) {
      counts.target("t" + i).answered(200);
    }
    assertThat(metrics
            .render()
            .lines()
            .filter(line -> line.startsWith("buildplane_agent_backend_connect_failures_total{")))
        .hasSize(AgentMetrics.TARGET_ROWS + 2);
    assertThat(metrics.render())
        .contains("buildplane_agent_backend_requests_total{code=\"2xx\",target=\"_other\"} "
            + (10_000.0 - AgentMetrics.TARGET_ROWS));
  }
}
