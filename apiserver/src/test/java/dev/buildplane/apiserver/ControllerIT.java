package dev.buildplane.apiserver;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Version;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.reconciler.Cleaner;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.DeleteControl;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A controller of the Java Operator SDK: finalizer and status by server-side apply.
final class ControllerIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String FINALIZER = "example.dev/cleanup";

  public static final class Spec {
    public String color = "red";
    public int size = 1;
  }

  public static final class Status {
    public String note = "";
  }

  @Group("example.dev")
  @Version("v1")
  public static final class Widget extends CustomResource<Spec, Status> implements Namespaced {
    private static final long serialVersionUID = 1L;
  }

  @ControllerConfiguration(name = "widgets", finalizerName = FINALIZER)
  public static final class Noting implements Reconciler<Widget>, Cleaner<Widget> {
    private final AtomicInteger cleanups = new AtomicInteger();

    @Override
    public UpdateControl<Widget> reconcile(Widget widget, Context<Widget> context) {
      var noted = new Widget();
      noted.setMetadata(new ObjectMetaBuilder()
          .withName(widget.getMetadata().getName())
          .withNamespace(widget.getMetadata().getNamespace())
          .build());
      var status = new Status();
      status.note = "size " + widget.getSpec().size;
      noted.setStatus(status);
      return UpdateControl.patchStatus(noted);
    }

    @Override
    public DeleteControl cleanup(Widget widget, Context<Widget> context) {
      cleanups.incrementAndGet();
      return DeleteControl.defaultDelete();
    }
  }

  @Test
  void aControllerKeepsFinalizerAndStatus(@TempDir Path folder) throws Exception {
    try (var served = new Served(folder, PodLogs.NONE);
        var client = served.client(true);
        var in = Objects.requireNonNull(ControllerIT.class.getResourceAsStream("/widgets.yaml"))) {
      served
          .kubectl(served.admin)
          .runWith(new String(in.readAllBytes(), UTF_8), "apply", "-f", "-")
          .ok();
      var controller = new Noting();
      var operator = new Operator(
          settings -> settings.withKubernetesClient(client).withCloseClientOnStop(false));
      operator.register(controller);
      operator.start();
      try {
        var widget = new Widget();
        widget.setMetadata(
            new ObjectMetaBuilder().withName("w").withNamespace("default").build());
        widget.setSpec(new Spec());
        var one = client.resource(widget);
        one.create();
        await().atMost(PATIENCE).until(() -> note(one.get()).equals("size 1"));
        assertThat(one.get().getMetadata().getFinalizers()).containsExactly(FINALIZER);

        one.edit(found -> {
          found.getSpec().size = 2;
          return found;
        });
        await().atMost(PATIENCE).until(() -> note(one.get()).equals("size 2"));
        assertThat(one.get().getMetadata().getGeneration()).isEqualTo(2);

        one.delete();
        await().atMost(PATIENCE).until(() -> one.get() == null);
        assertThat(controller.cleanups).hasValue(1);
      } finally {
        operator.stop();
      }
    }
  }

  private static String note(Widget widget) {
    return widget.getStatus() == null ? "" : widget.getStatus().note;
  }
}
