package org.example.segmenter

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Color
import android.os.SystemClock
import android.util.Log
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.framework.image.ByteBufferExtractor
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.core.Delegate
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.imagesegmenter.ImageSegmenter
import org.json.JSONObject

/** A .tflite file of keras_seg on a phone: a picture in, a picture of its classes out. */
class Segmenter(context: Context) : AutoCloseable {
    private val described = JSONObject(context.assets.open("keras_seg.json").bufferedReader().use { it.readText() })

    init {
        // Several channels with a sigmoid each: the highest is not the class of the pixel, which has several, or none.
        val overlapping = described.optString("activation") == "sigmoid" && described.isNull("threshold")
        require(!overlapping) { "The classes of this file overlap, and a map of classes gives each pixel one." }
    }

    private val onGpu: ImageSegmenter? = try {
        created(context, Delegate.GPU)
    } catch (error: RuntimeException) {
        Log.w("segmenter", "The GPU does not take the file, so the CPU computes: ${error.message}")
        null
    }
    private val task = onGpu ?: created(context, Delegate.CPU)

    /** Where the model runs: "GPU" or "CPU". */
    val processor = if (onGpu != null) "GPU" else "CPU"

    /** Names of the classes. Not the labels of the task, which has one for each channel: one channel is of two classes. */
    val labels: List<String> = described.getJSONArray("class_names")
        .let { names -> List(names.length()) { id -> names.getString(id) } }

    /** Colors of the classes, as android.graphics.Color has them. */
    val colors: IntArray = described.getJSONArray("colors").let { rows ->
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
        val masks = task.segment(BitmapImageBuilder(picture).build()).confidenceMasks().get()
        val (width, height) = masks[0].width to masks[0].height
        val scores = masks.map { ByteBufferExtractor.extract(it).asFloatBuffer() }
        val classes = if (scores.size == 1) {
            IntArray(width * height) { pixel -> if (scores[0].get(pixel) > 0.5f) 1 else 0 }
        } else {
            IntArray(width * height) { pixel -> scores.indices.maxByOrNull { scores[it].get(pixel) }!! }
        }
        val milliseconds = (SystemClock.elapsedRealtimeNanos() - start) / 1e6
        return Segmentation(classes, width, height, milliseconds)
    }

    // Not the category mask, which holds ids of no class on the GPUs of some phones: MediaPipe's issue 6155.
    private fun created(context: Context, delegate: Delegate) = ImageSegmenter.createFromOptions(
        context,
        ImageSegmenter.ImageSegmenterOptions.builder()
            .setBaseOptions(BaseOptions.builder().setModelAssetPath("segmenter.tflite").setDelegate(delegate).build())
            .setRunningMode(RunningMode.IMAGE)
            .setOutputCategoryMask(false)
            .setOutputConfidenceMasks(true)
            .build(),
    )

    /** The classes in their colors, to be drawn over the picture: `paint.alpha = 150` lets it shine through. */
    fun colored(found: Segmentation): Bitmap {
        val pixels = IntArray(found.classes.size) { colors[found.classes[it]] }
        return Bitmap.createBitmap(pixels, found.width, found.height, Bitmap.Config.ARGB_8888)
    }

    override fun close() = task.close()
}

/** Class ids row by row, as large as the picture was, and how long MediaPipe took. */
class Segmentation(val classes: IntArray, val width: Int, val height: Int, val milliseconds: Double)
