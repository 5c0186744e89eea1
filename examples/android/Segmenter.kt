package org.example.segmenter

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Color
import android.os.SystemClock
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.framework.image.ByteBufferExtractor
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.imagesegmenter.ImageSegmenter
import org.json.JSONObject

/** A .tflite file of keras_seg on a phone: a picture in, a picture of its classes out. */
class Segmenter(context: Context) : AutoCloseable {
    private val task = ImageSegmenter.createFromOptions(
        context,
        ImageSegmenter.ImageSegmenterOptions.builder()
            .setBaseOptions(BaseOptions.builder().setModelAssetPath("segmenter.tflite").build())
            .setRunningMode(RunningMode.IMAGE)
            .setOutputCategoryMask(true)
            .setOutputConfidenceMasks(false)
            .build(),
    )

    /** Names of the classes, from the file itself. */
    val labels: List<String> = task.labels

    /** Colors of the classes, as android.graphics.Color has them. */
    val colors: IntArray = context.assets.open("keras_seg.json").bufferedReader().use { it.readText() }
        .let { JSONObject(it).getJSONArray("colors") }
        .let { rows ->
            IntArray(rows.length()) { id ->
                val row = rows.getJSONArray(id)
                Color.rgb(row.getInt(0), row.getInt(1), row.getInt(2))
            }
        }

    /**
     * Give each pixel its class. Takes tens of milliseconds: call it from a background thread, one call at a time.
     *
     * @param picture of any size, upright, Bitmap.Config.ARGB_8888.
     */
    fun segment(picture: Bitmap): Segmentation {
        val start = SystemClock.elapsedRealtimeNanos()
        val mask = task.segment(BitmapImageBuilder(picture).build()).categoryMask().get()
        val milliseconds = (SystemClock.elapsedRealtimeNanos() - start) / 1e6
        val bytes = ByteBufferExtractor.extract(mask)
        val classes = IntArray(mask.width * mask.height) { bytes.get(it).toInt() and 0xFF }
        return Segmentation(classes, mask.width, mask.height, milliseconds)
    }

    /** The classes in their colors, to be drawn over the picture: `paint.alpha = 150` lets it shine through. */
    fun colored(found: Segmentation): Bitmap {
        val pixels = IntArray(found.classes.size) { colors[found.classes[it]] }
        return Bitmap.createBitmap(pixels, found.width, found.height, Bitmap.Config.ARGB_8888)
    }

    override fun close() = task.close()
}

/** Class ids row by row, as large as the picture was, and how long MediaPipe took. */
class Segmentation(val classes: IntArray, val width: Int, val height: Int, val milliseconds: Double)
