package dev.buildplane.testkit;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Fails the test class after which a buffer of Netty's turns up that nobody holds and nobody released, and the run when one does
/// at its end. JUnit finds it by its service file in every module that has this one among its tests' dependencies; Netty
/// watches every buffer there (`io.netty.leakDetection.level=paranoid`).
///
/// The buffer may have been lost by an earlier class: only what has been collected as garbage can be told from what is in use.
public final class NoLeaks implements BeforeAllCallback, AfterAllCallback {
  /// The second makes sure that what the first found dead has been queued.
  private static final int COLLECTIONS = 2;

  /// Longest wait for one collection to take effect.
  private static final long COLLECTION_MILLIS = 10_000;

  private static final Queue<String> FOUND = new ConcurrentLinkedQueue<>();

  static {
    ByteBufUtil.setLeakListener((_, records) -> FOUND.add(records));
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    context
        .getRoot()
        .getStore(ExtensionContext.Namespace.create(NoLeaks.class))
        .computeIfAbsent(NoLeaks.class, _ -> (AutoCloseable) () -> requireNone("the last test"));
  }

  @Override
  public void afterAll(ExtensionContext context) throws InterruptedException {
    requireNone(context.getDisplayName());
  }

  private static void requireNone(String last) throws InterruptedException {
    var leaks = take();
    if (!leaks.isEmpty()) {
      throw new AssertionError("expected every buffer to be released, found " + leaks.size()
          + " lost by " + last + " or before it; where each was touched, latest first:\n"
          + String.join("\n\n", leaks));
    }
  }

  /// Collects garbage and takes what was reported since the last time: where each lost buffer was touched.
  static List<String> take() throws InterruptedException {
    for (int i = 0; i < COLLECTIONS; i++) {
      collect();
    }
    ByteBufAllocator.DEFAULT.directBuffer(1).release(); // which makes Netty report
    var leaks = new ArrayList<String>();
    for (var next = FOUND.poll(); next != null; next = FOUND.poll()) {
      leaks.add(next);
    }
    return leaks;
  }

  private static void collect() throws InterruptedException {
    var queue = new ReferenceQueue<Object>();
    var mark = new PhantomReference<>(new Object(), queue);
    System.gc();
    queue.remove(COLLECTION_MILLIS);
    mark.clear();
  }
}
