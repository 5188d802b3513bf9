package dev.buildplane.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AuditFileTest {
  @TempDir
  Path folder;

  @Test
  void linesAreAppendedToWhatIsThereAndReadableByTheOwnerOnly() throws Exception {
    var file = folder.resolve("audit.log");
    try (var log = new AuditFile(file)) {
      log.write(List.of("{\"a\":1}"));
    }
    try (var log = new AuditFile(file)) {
      log.write(List.of("{\"a\":2}", "{\"a\":3}"));
      assertThat(file).hasContent("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    }
    assertThat(Files.getPosixFilePermissions(file)).hasSize(2);
  }

  @Test
  void aFullFileTurnsOverAndOnlySoManyAreKept() throws Exception {
    var file = folder.resolve("audit.log");
    try (var log = new AuditFile(file, 20)) {
      assertThat(log.write(lines(0, 20))).isEqualTo(20);
    }
    assertThat(file).hasContent("line-0018\nline-0019\n");
    assertThat(folder.resolve("audit.log.4")).hasContent("line-0010\nline-0011\n");
    try (var kept = Files.list(folder)) {
      assertThat(kept).hasSize(AuditFile.MAX_FILES);
    }
  }

  @Test
  void aFileThatCannotBeWrittenIsToldAndTriedAgain() throws Exception {
    var file = folder.resolve("audit.log");
    try (var log = new AuditFile(file, 20)) {
      log.write(lines(0, 7));
      var inTheWay = folder.resolve("audit.log.4").resolve("in-the-way");
      Files.createDirectories(inTheWay);
      assertThat(log.write(lines(7, 9))).as("the first has room").isEqualTo(1);
      assertThatThrownBy(() -> log.write(lines(8, 9)))
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining("audit.log");
      Files.delete(inTheWay);
      log.write(lines(8, 9));
      assertThat(folder.resolve("audit.log.1")).hasContent("line-0006\nline-0007\n");
      assertThat(file).hasContent("line-0008\n");
    }
  }

  private static List<String> lines(int from, int to) {
    return IntStream.range(from, to).mapToObj("line-%04d"::formatted).toList();
  }
}
