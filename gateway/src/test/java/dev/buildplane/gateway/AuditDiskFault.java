package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.buildplane.model.ClientCA;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The audit log of a gateway on a disk that is full for a while: `/dev/full` takes nothing and says `ENOSPC`.
class AuditDiskFault {
  private static final Path FULL = Path.of("/dev/full");
  private static final int CALLS = 20;

  @TempDir
  Path folder;

  @Test
  void noRecordIsLostToAFullDisk() throws Exception {
    var file = folder.resolve("audit.log");
    Files.createSymbolicLink(file, FULL);
    try (var sink = new AuditFile(file);
        var hub = new TestHub(folder, settings -> settings.withAudit(sink));
        var caller = hub.caller(HttpClient.Version.HTTP_1_1)) {
      hub.plane("full", null, ClientCA.ofValue(hub.agents.certificatePem()));
      try (var _ = hub.agent("full")) {
        var call = HttpRequest.newBuilder(URI.create("https://localhost:" + hub.gateway.callerPort()
                + "/api/proxy/buildplane/full/_cluster/full/k8s/hello"))
            .build();
        await()
            .atMost(TestHub.PATIENCE)
            .until(() -> caller.send(call, BodyHandlers.ofString()).statusCode() == 200);
        for (int i = 0; i < CALLS; i++) {
          assertThat(caller.send(call, BodyHandlers.ofString()).statusCode()).isEqualTo(200);
        }
        Files.delete(file); // there is room again
        await()
            .atMost(TestHub.PATIENCE)
            .untilAsserted(() -> assertThat(served(file)).hasSizeGreaterThan(CALLS));
        assertThat(served(file)).allMatch(line -> line.startsWith("{") && line.endsWith("}"));
      }
    }
  }

  private static List<String> served(Path file) throws IOException {
    return Files.exists(file)
        ? Files.readAllLines(file).stream()
            .filter(line -> line.contains("\"code\":200"))
            .toList()
        : List.of();
  }
}
